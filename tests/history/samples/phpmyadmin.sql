-- phpMyAdmin SQL Dump
INSERT INTO `cdr` (`calldate`, `src`, `dst`, `channel`, `dstchannel`, `lastapp`, `lastdata`, `duration`, `billsec`, `disposition`, `uniqueid`) VALUES
('2026-11-27 12:00:00', '101', '92125550143', 'SIP/101-0000001a', 'SIP/carrier-0000001b', 'Dial', 'SIP/12125550143@carrier', 64, 60, 'ANSWERED', '1795798800.26'),
('2026-11-27 12:02:00', '101', '92125550144', 'SIP/101-0000001c', NULL, 'Dial', 'SIP/12125550144@carrier', 5, 0, 'BUSY', '1795798920.28');
