CREATE TABLE `acc` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `method` varchar(16) NOT NULL DEFAULT '',
  `from_tag` varchar(64) NOT NULL DEFAULT '',
  `to_tag` varchar(64) NOT NULL DEFAULT '',
  `callid` varchar(255) NOT NULL DEFAULT '',
  `sip_code` varchar(3) NOT NULL DEFAULT '',
  `sip_reason` varchar(128) NOT NULL DEFAULT '',
  `time` datetime NOT NULL,
  `src_user` varchar(64) NOT NULL DEFAULT '',
  `src_domain` varchar(128) NOT NULL DEFAULT '',
  `src_ip` varchar(64) NOT NULL DEFAULT '',
  `dst_ouser` varchar(64) NOT NULL DEFAULT '',
  `dst_user` varchar(64) NOT NULL DEFAULT '',
  `dst_domain` varchar(128) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`),
  KEY `callid_idx` (`callid`)
) ENGINE=InnoDB;
INSERT INTO `acc` VALUES (1,'INVITE','f1','t1','one@pbx','200','OK','2026-11-27 12:00:04','101','pbx.example','192.0.2.7','92125550143','12125550143','carrier.example'),(2,'INVITE','f2','t2','two@pbx','486','Busy Here','2026-11-27 12:00:30','102','pbx.example','192.0.2.7','12125550144','12125550144','carrier.example'),(3,'BYE','f1','t1','one@pbx','200','OK','2026-11-27 12:01:04','101','pbx.example','192.0.2.7','','',''),(4,'INVITE','f3','t3','three@pbx','200','OK','2026-11-27 12:02:00','101','pbx.example','192.0.2.7','12125550145','','carrier.example'),(5,'BYE','f9','t9','nine@pbx','200','OK','2026-11-27 12:02:04','101','pbx.example','192.0.2.7','','',''),(6,'INVITE','f4','t4','four@pbx','407','Proxy Authentication Required','2026-11-27 12:03:00','101','pbx.example','192.0.2.7','12125550145','12125550145','carrier.example');
